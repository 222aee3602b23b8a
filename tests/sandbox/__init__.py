"""A sandbox that behaves as Adobe documents Marketo's REST and Bulk Extract APIs.

It knows nothing of the tap: it follows the pages of help/rest-api in AdobeDocs/marketo-developer.en
and uses the standard library alone. README.md beside this file is its reference.
"""

from tests.sandbox.options import Options
from tests.sandbox.sandbox import Sandbox

__all__ = ["Options", "Sandbox"]
