// Command scoreboard measures what RELIABILITY.md calls the scoreboard, and writes docs/scoreboard.md.
//
//	scoreboard [-run REGEXP] [-all] [-write=false]
//
// A probe runs tests of the engine or another command, or reads results that are committed elsewhere, and takes numbers out of them. What the probes found is in results/scoreboard.json, each with its command,
// commit, date and machine; the page is made of that file alone. Without flags the probes run that take a minute or two together; -all adds those that take long, and -run chooses by name, with -write=false to
// look at the numbers first. -n runs none, and writes the page.
package main

import (
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("scoreboard: ")
	module := flag.String("module", "..", "the engine's module")
	file := flag.String("results", "results/scoreboard.json", "what the probes found")
	page := flag.String("page", "docs/scoreboard.md", "the page, in the engine's module")
	pattern := flag.String("run", "", "run the probes whose name matches this regular expression, long ones too")
	all := flag.Bool("all", false, "run the probes that take long, too")
	none := flag.Bool("n", false, "run no probe")
	save := flag.Bool("write", true, "write the results and the page; or only print what was found")
	flag.Parse()
	only, err := regexp.Compile(*pattern)
	if err != nil {
		log.Fatal(err)
	}
	found, err := readResults(*file)
	if err != nil {
		log.Fatal(err)
	}
	root, err := filepath.Abs(*module)
	if err != nil {
		log.Fatal(err)
	}
	failed := false
	for _, p := range probes {
		if *none || !only.MatchString(p.name) || *pattern == "" && p.long != "" && !*all {
			continue
		}
		log.Printf("%s: %s", p.name, p.shown())
		r, err := p.run(root)
		if err != nil {
			log.Printf("%s: %v", p.name, err)
			failed = true
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(r.Values)) {
			fmt.Printf("%s: %s = %s\n", p.name, key, number(r.Values[key]))
		}
		if found.put(r, p.adds); *save {
			if err := found.write(*file); err != nil {
				log.Fatal(err)
			}
		}
	}
	if *save {
		if err := os.WriteFile(filepath.Join(root, *page), []byte(render(found)), 0o666); err != nil {
			log.Fatal(err)
		}
	}
	if failed {
		os.Exit(1)
	}
}
