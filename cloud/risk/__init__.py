"""Channel risk at headquarters: the board, what people say of findings, and what an agent is handed."""
