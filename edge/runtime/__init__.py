"""The core: composition, supervision and the services behind kiosk, phone and headquarters' orders."""
