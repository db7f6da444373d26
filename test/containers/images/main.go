// Command images builds the images that the container tests start from where
// none can be pulled: `make test-images`. With -check it builds nothing, and
// says in one line if the container tests will be left out.
package main

import (
	"flag"
	"fmt"
	"os"

	"returnd/test/containers"
)

func main() {
	check := flag.Bool("check", false, "only say in one line whether the container tests will be left out")
	flag.Parse()
	if *check {
		if err := containers.Available(); err != nil {
			fmt.Println("the tests in containers are left out:", err)
		}
		return
	}
	if err := containers.Build(func(line string) { fmt.Println(line) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
