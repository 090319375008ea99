//go:build purego || !(amd64 || arm64)

package mask

var implementations = []implementation{words}

// vectorMin is the least n that vector takes: none.
const vectorMin = never

func vector(dst, src *byte, n int, k uint32) {
	panic("hawser/mask: this build has no vector implementation")
}
