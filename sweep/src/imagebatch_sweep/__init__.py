"""The sweeper: removes from the bucket what nobody needs any more, one namespace at a time."""
