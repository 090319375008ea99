//go:build purego || !(arm64 || (amd64 && linux))

package mask

import "testing"

// hardware returns the implementations that this processor must have, as far as
// that is known without the detection that is tested.
func hardware(*testing.T) []string { return []string{"word"} }
