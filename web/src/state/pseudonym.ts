/**
 * A name and a plate for a driver: the same for everyone who sees the number, and nobody's real ones.
 */

const BIRDS = [
  "Heron", "Kestrel", "Plover", "Siskin", "Lapwing", "Curlew", "Dunlin", "Eider", "Fulmar", "Gannet",
  "Goldcrest", "Grebe", "Jackdaw", "Linnet", "Magpie", "Mallard", "Nightjar", "Oriole", "Osprey", "Petrel",
  "Pipit", "Redstart", "Rook", "Sandpiper", "Shrike", "Skylark", "Starling", "Swift", "Tern", "Wagtail",
  "Warbler", "Wren",
] as const;

/** No letters that look like digits or like one another. */
const LETTERS = "ABCDEFGHJKLMNPRSTUWXYZ";

export interface Pseudonym {
  name: string;
  plate: string;
}

/** Scatters neighbouring numbers (the finaliser of murmur3). */
function scatter(value: number): number {
  let mixed = (value ^ Math.floor(value / 2 ** 32)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export function pseudonymOf(driver: number): Pseudonym {
  const mixed = scatter(driver);
  const letter = (index: number): string => LETTERS[(mixed >>> (index * 5)) % LETTERS.length] ?? "A";
  const digits = String(scatter(driver + 1) % 1000).padStart(3, "0");
  return {
    name: BIRDS[mixed % BIRDS.length] ?? "Wren",
    plate: `${letter(0)}${letter(1)}${letter(2)} ${digits}`,
  };
}
