"""Version 1 of the API, for banks, portals and AMI head-ends."""
