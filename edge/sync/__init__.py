"""The box's one way to headquarters: MQTT session, trust in what comes back, pump; never a second host."""
