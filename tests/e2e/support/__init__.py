"""What the end-to-end tests stand on: peers, the relay under test, certificates, disks and the one place that waits."""
