"""The seams as one seed makes them: clocks that jump, disks that forget."""
