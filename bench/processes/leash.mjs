/**
 * Loaded before the command line of a child (`node --import`): it ends when the benchmark that started it ends, however that ends. Plain
 * JavaScript, so that the measured process does not carry the memory of Node's TypeScript loader.
 */

process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// Listening keeps no process alive by itself.
process.channel?.unref()
