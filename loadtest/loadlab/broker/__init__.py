"""What the broker costs, by kind of load: its own CPU, memory and time."""
