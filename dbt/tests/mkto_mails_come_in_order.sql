-- Nothing happens to a mail before it is sent.
select send_id
from {{ ref('mkto_email_sends') }}
where delivered_at < sent_at or bounced_at < sent_at or opened_at < sent_at or clicked_at < sent_at or unsubscribed_at < sent_at
