"""The ID-card terminal's wire protocol and how a card is read over it; knows no lease and no core."""
