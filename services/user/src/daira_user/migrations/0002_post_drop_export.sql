-- The archive of a person is media's; user only tells the wish.
DROP TABLE export;
