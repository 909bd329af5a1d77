"""Statements on the tables `account`, `follower`, `erased_person`, `narrowing` and `shown` of a service's database."""
