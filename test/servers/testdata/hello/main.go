// Command hello is what the test of buildOnce builds.
package main

func main() {}
