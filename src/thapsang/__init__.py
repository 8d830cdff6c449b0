"""Thắp Sáng: the digital front office and the continuity of an electricity distributor."""
