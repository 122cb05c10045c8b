"""What the services that take pages would answer: each file judges one as its documentation says, and is pure."""
