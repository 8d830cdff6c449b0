"""Settings, routes and the choice of which adapter serves which port."""
