"""Messages to customers, through ports."""
