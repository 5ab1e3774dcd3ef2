"""How Kubernetes is reached: raw paths and dicts through the official client's one ApiClient."""
