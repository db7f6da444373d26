// Package deploy holds deploy/ and compose.yaml to their word, and lends them to tests that run something under them.
//
//	New            a copy of deploy/ with passwords of its own, laid out as the containers see it
//	Site.NATS      what nats-server makes of deploy/nats/*.conf
//	Site.Redis     the arguments with which a redis-server reads deploy/redis/*.conf
//	Site.Secret    a password
//
// What enters is the repository as it stands; what leaves lies in a folder that goes with the test. Promised: nothing in
// the repository is written, and what compose.yaml calls a secret is what a server of the test reads in its place.
package deploy
