"""The ledger: balances, coins, tips, gifts, earnings and payouts."""
