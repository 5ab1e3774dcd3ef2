"""How a machine is reached: SSH, the loader, the frame. The only home of asyncssh."""
