"""What CRMs' programs ask of headquarters over HTTP: their own guard, closed models; no page, no session."""
