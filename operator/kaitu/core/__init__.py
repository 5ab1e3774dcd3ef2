"""The words of the trade. Pure: no I/O, no clock; imports nothing else of ours."""
