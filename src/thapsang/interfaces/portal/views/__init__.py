"""The portal's views: translate in, call one query or journey, translate out."""
