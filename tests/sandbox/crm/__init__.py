"""Objects of the lead database that are asked for by keys: those of a CRM, and named accounts."""
