"""Run units on threads of this process or on Ray actors."""
