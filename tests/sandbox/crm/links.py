"""The company and the sales person of each lead (companies.md, sales-persons.md)."""

from __future__ import annotations

from array import array

from tests.sandbox.values import Value, as_text, mix

LINK_FIELDS = (
    ("externalCompanyId", "External Company Id", "string"),
    ("externalSalesPersonId", "External Sales Person Id", "string"),
)
"""REST name, display name and data type; contactCompany is a field of any account."""
FIRST_COMPANY = 500_001
FIRST_SALES_PERSON = 700_001
NO_VALUE = Value(None, None)


def company_key(number: int) -> str:
    """The externalCompanyId of a company that has one of the usual sort."""
    return f"C-{number}" if number % 7 else f"Åb/C {number}"


def sales_person_key(number: int) -> str:
    """The externalSalesPersonId of a sales person: the address, as in sales-persons.md."""
    return f"owner{number}@example.com"


class LeadLinks:
    """The company and the sales person of each lead, by the lead's place in its table."""

    def __init__(self, seed: int, companies: int, sales_persons: int) -> None:
        self._seed = seed
        self._counts = (companies, sales_persons)
        self.companies: array[int] = array("q")
        self.sales_persons: array[int] = array("q")
        self.keys: dict[int, str] = {}
        """The external ids of companies that have unusual ones."""

    def add(self) -> None:
        """Link one more lead: three of five have a company, half of them a sales person."""
        place = len(self.companies)
        luck = mix(self._seed, place, 23) >> 5
        companies, sales_persons = self._counts
        has_company = companies and luck % 5 < 3
        has_owner = sales_persons and luck // 5 % 2
        self.companies.append(FIRST_COMPANY + luck // 10 % companies if has_company else 0)
        self.sales_persons.append(
            FIRST_SALES_PERSON + luck // 77 % sales_persons if has_owner else 0
        )

    def company_key(self, number: int) -> str:
        """The externalCompanyId of a company."""
        return self.keys.get(number, company_key(number))

    def value(self, place: int, name: str, lead_id: int) -> Value:
        """What a lead has in a field that links it.

        The contactCompany of a lead without a company is its own id, as it is in real files.
        """
        company, owner = self.companies[place], self.sales_persons[place]
        if name == "contactCompany":
            return as_text(str(company or lead_id))
        if name == "externalCompanyId":
            return as_text(self.company_key(company)) if company else NO_VALUE
        return as_text(sales_person_key(owner)) if owner else NO_VALUE
