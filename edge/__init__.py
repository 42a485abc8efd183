"""The box in the sales office; it never imports anything of `cloud`."""
