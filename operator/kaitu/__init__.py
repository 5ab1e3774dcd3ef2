"""The kaitu fleet operator: keeps remote VPN nodes as their KaituNode resources describe them."""
