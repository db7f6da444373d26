package servers

// reap starts the command, hands over the outcome and waits for its end. How
// it ended is read from the ProcessState; Wait's error says nothing more.
func reap(r *run, started chan<- error) {
	err := r.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	_ = r.cmd.Wait()
	close(r.done)
}
