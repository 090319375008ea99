package evloop

import "sync/atomic"

const chunkSize = 256

// slots is the table of a loop's connections. What the poller carries is a slot and its generation: a report that was fetched before a connection was closed
// finds nothing, even if the slot has a new connection by then. Looking up takes no lock; the rest is guarded by the loop's.
type slots struct {
	chunks atomic.Pointer[[]*chunk] // replaced when it grows
	free   []uint32
	used   uint32 // slots that were ever in use
}

type chunk struct {
	conns       [chunkSize]atomic.Pointer[Conn]
	generations [chunkSize]uint32 // of the next connection
}

// wakeData is no slot's: the system's pollers use it for what wakes them.
const wakeData = ^uint64(0)

// add gives c a slot.
func (s *slots) add(c *Conn) {
	var slot uint32
	if n := len(s.free); n > 0 {
		slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		slot = s.used
		s.used++
		if slot%chunkSize == 0 {
			var old []*chunk
			if p := s.chunks.Load(); p != nil {
				old = *p
			}
			grown := append(old[:len(old):len(old)], new(chunk))
			s.chunks.Store(&grown)
		}
	}
	k := (*s.chunks.Load())[slot/chunkSize]
	c.data = uint64(k.generations[slot%chunkSize])<<32 | uint64(slot)
	k.conns[slot%chunkSize].Store(c)
}

// remove frees c's slot.
func (s *slots) remove(c *Conn) {
	slot := uint32(c.data)
	k := (*s.chunks.Load())[slot/chunkSize]
	k.conns[slot%chunkSize].Store(nil)
	k.generations[slot%chunkSize]++
	s.free = append(s.free, slot)
}

// lookup returns the connection whose slot and generation data names, nil if it is gone.
func (s *slots) lookup(data uint64) *Conn {
	chunks := s.chunks.Load()
	slot := uint32(data)
	if chunks == nil || uint64(slot/chunkSize) >= uint64(len(*chunks)) {
		return nil
	}
	c := (*chunks)[slot/chunkSize].conns[slot%chunkSize].Load()
	if c == nil || c.data != data {
		return nil
	}
	return c
}

// all returns every connection.
func (s *slots) all() (conns []*Conn) {
	if p := s.chunks.Load(); p != nil {
		for _, k := range *p {
			for i := range k.conns {
				if c := k.conns[i].Load(); c != nil {
					conns = append(conns, c)
				}
			}
		}
	}
	return conns
}
