// Package socket sends on sockets through their descriptors.
package socket
