"""Words of the contract that clients use too."""

from daira_contracts.feed import PostState as PostState
from daira_contracts.feed import ReplyPolicy as ReplyPolicy
from daira_contracts.feed import Visibility as Visibility
