"""For a CRM's side: reads a book and seals each row to each box; never sends a customer's unsealed.

`Gatehouse` is what a CRM's own program uses; `gatehouse-crm` does the same for files.
"""

from cloud.client.errors import ClientError, Refused, Unreachable, WrongFile
from cloud.client.headquarters import Gatehouse, Pushed
from cloud.client.pins import Pins

__all__ = ["ClientError", "Gatehouse", "Pins", "Pushed", "Refused", "Unreachable", "WrongFile"]
