"""Users, roles, one-time codes and who may call which route."""
