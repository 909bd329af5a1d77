"""Metrics of feed."""

from prometheus_client import Counter, Histogram

REBUILDS = Counter("daira_feed_rebuilds_total", "Circles built from PostgreSQL because they were cold or lost")
CARDS_FILLED = Counter("daira_feed_cards_filled_total", "Posts and authors that a read had to fetch from PostgreSQL")
PUSHED = Counter("daira_feed_pushed_total", "Entries written to or removed from Circles", ["wanted"])
SPREAD_SECONDS = Histogram("daira_feed_spread_seconds", "Time to bring all followers' Circles in line with one post")
