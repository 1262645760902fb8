"""What people add to images: measurements, selections of key images, ways of showing them."""
