"""Double entry in integer đồng; knows no customer."""
