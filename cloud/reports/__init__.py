"""Questions over the tables, for pages and machines; never writes."""
