//! Promises of the loop, kept to real sockets.
