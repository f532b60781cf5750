"""When and where runs run: the queue, the keeper of each run, the warm spare."""
