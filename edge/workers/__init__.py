"""One small composition root per worker process; none holds a key, a database or a broker."""
