"""What is kept of jobs on their destination: runs while they go on, and what can be swept away."""
