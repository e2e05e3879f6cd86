/** Does nothing, so that what is measured is everything around it. */
export async function step(number) {
  return number + 1;
}
