"""The inner parts of the SIP telephone driver; nothing outside edge/devices/sip.py imports them."""
