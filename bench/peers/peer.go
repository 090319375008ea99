//go:build linux

package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A peer is one server to compare: a library behind our server program, or a command.
type peer struct {
	Name     string `json:"name"`
	Module   string `json:"module,omitempty"`
	Version  string `json:"version,omitempty"`
	Raw      bool   `json:"raw,omitempty"`
	Settings string `json:"settings"`
	// Command is set for a server that is not ours.
	Command string `json:"command,omitempty"`

	modes []string // what it can do beside echo
}

func (p *peer) can(mode string) bool { return slices.Contains(p.modes, mode) }

// build builds the two programs. Their names are not "server" and "load": somebody may end all processes that are called so.
func build(dir string) error {
	for _, name := range []string{"server", "load"} {
		cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "peers-"+name), "github.com/hawser-go/hawser/bench/peers/"+name)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("building %s: %w", name, err)
		}
	}
	return nil
}

// choosePeers asks the server program what it knows, with the versions that were built into it, and keeps what libs names. External servers always take part.
func choosePeers(server, libs string, externals []string) ([]*peer, error) {
	out, err := exec.Command(server, "-list").Output()
	if err != nil {
		return nil, fmt.Errorf("asking the server for its libraries: %w", err)
	}
	var adapters []struct {
		Name, Module, Settings string
		Raw                    bool
		Compress               []string
		NoTLS                  bool `json:"no_tls"`
	}
	if err := json.Unmarshal(out, &adapters); err != nil {
		return nil, fmt.Errorf("reading the server's libraries: %w", err)
	}
	info, err := buildinfo.ReadFile(server)
	if err != nil {
		return nil, fmt.Errorf("reading the server's build information: %w", err)
	}
	versions := make(map[string]string)
	for _, dep := range info.Deps {
		versions[dep.Path] = dep.Version
	}
	versions["github.com/hawser-go/hawser"] = commit()
	var peers []*peer
	for _, a := range adapters {
		p := &peer{Name: a.Name, Module: a.Module, Version: versions[a.Module], Raw: a.Raw, Settings: a.Settings, modes: []string{"sleep", "wait", "deep", "broadcast", "side", "procs"}}
		p.modes = append(p.modes, a.Compress...)
		if !a.NoTLS {
			p.modes = append(p.modes, "tls")
		}
		peers = append(peers, p)
	}
	if libs != "" {
		var chosen []*peer
		for name := range strings.SplitSeq(libs, ",") {
			i := slices.IndexFunc(peers, func(p *peer) bool { return p.Name == name })
			if i < 0 {
				return nil, fmt.Errorf("there is no library %q; -list names them", name)
			}
			chosen = append(chosen, peers[i])
		}
		peers = chosen
	}
	for _, s := range externals {
		p, err := parseExternal(s)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(peers, func(other *peer) bool { return other.Name == p.Name }) {
			return nil, fmt.Errorf("two servers are called %q", p.Name)
		}
		peers = append(peers, p)
	}
	return peers, nil
}

// externalModes are those that an external server may say it has.
var externalModes = []string{"sleep", "wait", "procs", "deep", "broadcast", "context", "nocontext", "tls", "side"}

// parseExternal reads NAME[MODE,MODE]=COMMAND.
func parseExternal(s string) (*peer, error) {
	name, command, ok := strings.Cut(s, "=")
	if !ok || command == "" {
		return nil, fmt.Errorf("-external %q is not NAME[MODES]=COMMAND", s)
	}
	p := &peer{Command: command, Settings: "external: " + command}
	name, modes, ok := strings.Cut(name, "[")
	if p.Name = name; name == "" {
		return nil, fmt.Errorf("-external %q has no name", s)
	}
	if ok {
		modes, ok = strings.CutSuffix(modes, "]")
		if !ok {
			return nil, fmt.Errorf("-external %q: the modes do not end with ]", s)
		}
		for mode := range strings.SplitSeq(modes, ",") {
			if !slices.Contains(externalModes, mode) {
				return nil, fmt.Errorf("-external %q: there is no mode %q, only %s", s, mode, strings.Join(externalModes, ", "))
			}
			p.modes = append(p.modes, mode)
		}
	}
	return p, nil
}
