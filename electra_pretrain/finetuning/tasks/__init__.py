"""One file a task: where its examples lie and how its publisher wrote them down."""
